# Completion of offlineimap-m365 @VERSION@ for fish. Made by: offlineimap-m365 completion fish

function _offlineimap_m365
  set -l current (commandline -ct)
  set -l offers (command offlineimap-m365 completion fish =(commandline -opc)[2..] ="$current" 2>/dev/null)
  if test "$offers[1]" = @files
    __fish_complete_path (string replace -r '^--[^=]*=' '' -- "$current")
  else
    string join \n -- $offers
  end
end

complete -c offlineimap-m365 -f -a '(_offlineimap_m365)'

"""Where an account's secrets are: a closed file, a keyring, or a file that gpg encrypts."""

"""The sign-in service: the only importer of MSAL, HTTP, and what an answer must look like."""

"""The forms of logs, one file each; `registry` lists them."""

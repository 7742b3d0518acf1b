"""The commands, one file each; `diffkit.cli` puts them together."""

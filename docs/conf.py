"""Sphinx builds the pages of this folder: `make docs`."""

import mmap_ninja

project = "mmap_ninja"
release = mmap_ninja.__version__
html_title = f"mmap_ninja {release}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
myst_heading_anchors = 3

# A name in single backticks is code, and a link where the API reference has it.
default_role = "py:obj"
# The texts tell what is expected; NumPy's types would fill whole lines.
autodoc_typehints = "none"
# Members are listed below their class.
toc_object_entries_show_parents = "hide"

# What is copied from a session of the shell is the commands.
copybutton_prompt_text = "$ "

html_theme = "furo"
html_show_copyright = False
html_theme_options = {
    "source_repository": "https://github.com/hristo-vrigazov/mmap.ninja",
    "source_branch": "main",
    "source_directory": "docs/",
}

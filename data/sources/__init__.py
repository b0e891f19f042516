"""Where labelled images come from: a folder of class folders or an .npz file; `open_source` opens either.

Read in this order: `source` and `columns` (what an opened source holds), `opening` (open_source). Folders: `listing`
(what a folder holds), `file_kinds` and `formats` (which files are pictures), `other_files` (what the others are),
`split_names`, `class_folders`, `split_folders`, `splits_in_classes`, `wrappers` and `layout` (which folders are classes
and which are splits), `masks` (what is no image of a class), `folder`. Arrays files: `npz`, `npz_pictures`,
`array_labels`, `arrays`. Both: `class_names`, `class_checks`, and `thinning` (use a part of a source). Keys of a recipe
that say something about each image: `csv_table` and `image_paths` (by a table), `path_patterns` (by its path).
"""

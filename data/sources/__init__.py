"""Where labelled images come from: a folder, a table of labels or an .npz file; `open_source` opens any of them.

Read in this order: `source` and `columns` (what an opened source holds), `opening` (open_source). Folders: `listing`
(what a folder holds), `file_kinds` and `formats` (which files are pictures), `other_files` (what the others are),
`split_names`, `class_folders`, `split_folders`, `splits_in_classes`, `projects`, `wrappers`, `doubts` and `layout`
(which folders are classes and which are splits), `masks` (what is no image of a class), `folder`. What is said of each
image outside: `csv_table`, `json_table` and `table_files` (read a table), `image_paths` and `named_files` (the images
that its paths mean), `column_names` and `path_column`, `path_patterns` (by its path). Labels that are: `label_columns`
and `label_table` (in a table), `label_names` (in the names of files), `label_guess` (in which of them) and `labelled`.
Arrays files: `npz`, `npz_pictures`, `array_roles`, `array_labels`, `arrays`. All: `class_names`, `class_checks`, and
`thinning` (use a part of a source).
"""

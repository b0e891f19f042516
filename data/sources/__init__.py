"""Where labelled images come from: a folder of class folders or an .npz file; `open_source` opens either.

Read in this order: `source` and `columns` (what an opened source holds) and `opening`; a folder by `listing` (what lies
in it), `formats` (files by content), `split_names`, `class_folders`, `split_folders`, `splits_in_classes` and `layout`
(which folders are classes and splits), `folder`; an arrays file by `npz`, `npz_pictures`, `array_labels` and `arrays`;
the class names of both by `class_names` and `class_checks`; a part of either by `thinning`.
"""

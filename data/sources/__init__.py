"""Where labelled images come from: a folder of class folders, or an .npz file."""

//! (head to be written with the folder)

// Replaced by the module of this name.

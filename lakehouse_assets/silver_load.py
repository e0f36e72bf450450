def prepare_changes(*a, **k): raise NotImplementedError

def smooth(xs):
    return [sum(xs) / len(xs)] * len(xs)

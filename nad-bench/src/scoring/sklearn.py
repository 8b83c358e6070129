"""Train scikit-learn's IsolationForest on a file of little-endian float32, then time the scores of another one, once for
each line of standard input: COLUMNS TRAINED SCORED."""
import sys
import time

import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest

columns = int(sys.argv[1])
trained, scored = (np.fromfile(path, "<f4").reshape(-1, columns) for path in sys.argv[2:4])
forest = IsolationForest(n_estimators=100, max_samples=256, random_state=0).fit(trained)
print(sklearn.__version__, flush=True)
for _ in sys.stdin:
    begun = time.perf_counter()
    forest.score_samples(scored)
    print(time.perf_counter() - begun, flush=True)

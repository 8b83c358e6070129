#!/usr/bin/env python3
"""Score packets with scikit-learn's IsolationForest (100 trees of 256 samples).

BASELINE and FEATURES are tables that `nad features` wrote (.csv or .parquet). The forest is trained on the first
seconds of BASELINE; where FEATURES is the same table, only the rest of it is scored. OUT gets index,score, higher is
more anomalous.
"""
import argparse

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest


def read(path):
    table = pd.read_parquet(path) if path.endswith(".parquet") else pd.read_csv(path)
    values = table.drop(columns=["index", "time"]).to_numpy(np.float32)
    return table["index"].to_numpy(), table["time"].to_numpy(), values


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("baseline")
    parser.add_argument("--train-for", type=float, required=True, help="seconds")
    parser.add_argument("--score", required=True, metavar="FEATURES")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()

    index, time, values = read(arguments.baseline)
    learned = time - time[0] < arguments.train_for
    forest = IsolationForest(n_estimators=100, max_samples=256, random_state=arguments.seed)
    forest.fit(values[learned])
    if arguments.score == arguments.baseline:
        index, values = index[~learned], values[~learned]
    else:
        index, _, values = read(arguments.score)
    scores = -forest.score_samples(values) if len(values) else []
    pd.DataFrame({"index": index, "score": scores}).to_csv(arguments.out, index=False)


main()

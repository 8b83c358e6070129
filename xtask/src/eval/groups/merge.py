"""Merge the specimens of run.py into its benign captures, once: merge.py SCRIPTS REAL

SCRIPTS has run.py and specimens.tsv; REAL has raw/ and base/, and gets merged/NAME.pcap with NAME.json. Prints the JSON of each, one a line:
what nad learns, when the attack begins and ends, and by whose names an incident is the attack's. What is missing is printed
as {"missing": "..."}.
"""
import concurrent.futures as futures, json, multiprocessing, pathlib, sys

scripts, real = map(pathlib.Path, sys.argv[1:3])
sys.argv = ["run.py", "C", "--real", str(real)]
sys.path.insert(0, str(scripts))
import run  # noqa: E402

FIELDS = "name capture map shapes cut spread dropped attackers victims".split()
LONG = ("21h", "72h", "7h", "2h30")


def rows():
    for line in open(scripts / "specimens.tsv"):
        if not line.startswith("#"):
            yield dict(zip(FIELDS, (line.rstrip("\n").split("\t") + [""] * len(FIELDS))[:len(FIELDS)]))


def merged(job):
    base, row, place = job
    path = real / "merged" / f"{row['name']}.{base.name}.{place}.pcap"
    note = path.with_suffix(".json")
    sources = [scripts / "run.py", scripts / "packets.py", scripts / "specimens.tsv", real / f"raw/{row['capture']}.pcap"]
    if note.exists() and path.exists() and all(s.stat().st_mtime < note.stat().st_mtime for s in sources):
        return note.read_text()
    _, start, end, _, attackers, victims = run.merged(base, row, place, path)
    text = json.dumps(dict(specimen=row["name"], place=f"{base.name}, {place}", capture=str(path), train_s=base.train, start=start, end=end,
                           shapes=row["shapes"].split("|"), attackers=attackers, victims=victims))
    note.write_text(text)
    return text


def main():
    (real / "merged").mkdir(exist_ok=True)
    jobs = []
    for row in rows():
        if not (real / f"raw/{row['capture']}.pcap").exists():
            print(json.dumps(dict(missing=f"raw/{row['capture']}.pcap, for {row['name']}")))
            continue
        bases = [run.LONG] if any(h in row["name"] for h in LONG) else run.BASES
        jobs += [(base, row, place) for base in bases for place in base.places]
    with futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        for text in pool.map(merged, jobs):
            print(text, flush=True)


if __name__ == "__main__":
    main()

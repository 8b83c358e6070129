-- Views and counters have the names of the field. Both stand in JSON as nad writes it, without spaces; what is text in there has
-- its quotes escaped, so it is not touched.
CREATE TEMP TABLE renamed (old TEXT NOT NULL, new TEXT NOT NULL);
INSERT INTO renamed VALUES
    ('reach', 'scan'), ('slow-reach', 'slow-scan'), ('push', 'outbound-flood'), ('form', 'malformed'),
    ('pressure', 'inbound-flood'), ('rhythm', 'periodicity'), ('claims', 'arp');
UPDATE incidents SET
    json = replace(json, '"view":"' || view || '"', '"view":"' || (SELECT new FROM renamed WHERE old = view) || '"'),
    view = (SELECT new FROM renamed WHERE old = view)
    WHERE view IN (SELECT old FROM renamed);
DROP TABLE temp.renamed;

UPDATE runs SET ledger = replace(replace(replace(replace(ledger,
    '"thinned":', '"sampled_out":'), '"told":', '"attributed":'), '"untold":', '"unattributed":'), '"own":', '"self_traffic":');
UPDATE runs SET ledger = replace(replace(replace(ledger,
    '"dealings_evicted":', '"service_pairs_evicted":'), '"dealings_displaced":', '"service_pairs_displaced":'),
    '"dealings_refused":', '"service_pairs_refused":');
UPDATE runs SET ledger = replace(replace(replace(ledger,
    '"memories_evicted":', '"known_services_evicted":'), '"memories_displaced":', '"known_services_displaced":'),
    '"memories_refused":', '"known_services_refused":');

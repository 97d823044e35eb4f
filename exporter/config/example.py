"""The example of docs/configuration.md: a file with every section, explained. A test loads it."""

EXAMPLE = """
server:
  listen: 127.0.0.1:9877          # `:9877` for all addresses
  # web_config_file: web.yml      # TLS and basic auth, as for Prometheus itself
state_dir: ./state                # survives restarts; back it up if the counters matter
cycle: 15s                        # how often logs are read; scrape at the same pace
rejects: {keep_rows: false}

host:                             # without it: the machine's numbers, no processes
  exclude: [temperature]
  processes:                      # whom they serve: joins what the machine does to the model
    - {name: scorer, model: flight_delay, command_line: "gunicorn .*flight_delay"}

cost:                             # what models cost: an hour, a thousand predictions, a correct one
  currency: EUR
  cpu_core_hour: 0.031
  memory_gb_hour: 0.0042
  gpu_hour: {A100: 2.5, default: 1.2}
  energy_kwh: 0.3                 # leave it out where the GPU's price holds it

defaults:                         # for every model below
  owner: ${TEAM:-ml-platform}
  pane: 5m

models:
  flight_delay:
    task: binary                  # or multiclass, regression
    owner: flights-team           # goes before the default; alerts are routed by it
    tier: critical
    positive_class: "1"
    decision_threshold: 0.5       # used where a row has a score but no prediction
    predictions:
      source: {type: files, path: "logs/flight_delay/*.jsonl"}
      timezone: UTC               # of times without an offset
      columns:                    # role: column; a dot reaches into nested objects
        time: ts
        id: request_id
        prediction: late
        score: probability
        latency: {column: latency_ms, unit: ms}
        error: error
        version: model_version
        replica: host
    labels:                       # the truth, in a log of its own; it may come days later
      source: {type: files, path: "logs/labels/*.jsonl"}
      columns: {id: request_id, label: was_late, time: landed_at}
      wait: 30d
      conflict: last              # a later label corrects an earlier one
    slices: [origin, carrier]     # everything is also shown by these
    replicas: {scorer-0: 10.0.0.5, scorer-1: 10.0.0.6}   # ... and by replica; what harms a machine harms these
    features:
      include: [distance, carrier, temp]   # default: all of the reference
      columns: {temp: inputs.temp}         # where feature and column differ
      overrides:
        distance: {type: numeric, range: [0, 6000]}
        carrier: {type: category, categories: [AA, DL, UA]}
    reference: refs/flight_delay.mlref     # or {default: path, versions: {v2: path}}
    reference_data:                        # what `ml-exporter reference fit` makes it from
      source: {type: files, path: data/validation.parquet}
      columns: {label: was_late, latency: null, error: null}   # null: not there
    windows: [1h, 24h, 7d]
    clock: wall                   # `watermark` for replays, backfills and nightly batches
    retention: {fine: 2d, hourly: 14d, daily: 120d}
    thresholds:
      drift_effect: 0.04
      features: {distance: 0.1}
      min_labels: 100
      performance: {accuracy: {lower: 0.8}}
      methods: [jensen_shannon, population_stability_index]
    slo:
      - {name: availability, objective: 0.999}
      - {name: latency, objective: 0.99, latency: 250ms}
      - {name: freshness, objective: 0.99, freshness: 1h}     # time in which no prediction is missed for so long
      - {name: accuracy, objective: 0.8, quality: true}       # predictions that come true
    series_budget: 5000

  arrival_delay:
    task: regression
    predictions:
      source: {type: files, path: ["logs/arrival_delay/*.csv.gz", "logs/arrival_delay/*.csv"]}
      columns:
        time: ts
        prediction: minutes
        label: actual_minutes     # the truth stands in the prediction's own row
    thresholds:
      performance: {mean_absolute_error: {upper: 20}}
    batch:                        # it is scored by a nightly job; or `column: run_id` of the prediction log
      source: {type: files, path: logs/arrival_delay/runs.jsonl}
      columns: {run: run_id, start: started_at, end: ended_at, status: status, rows_in: rows_in, rows_out: rows_out}
      schedule: 30 2 * * *        # cron, or `24h`; two missed runs in a row alert
      timezone: Europe/Vienna
      grace: 1h
    slo: [{name: close, objective: 0.9, quality: true, tolerance: 15}]   # off by 15 minutes at most
"""

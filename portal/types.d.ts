// The shapes of the API (docs/api.md) as the scripts use them. For the type checker only; not shipped.

export type Value = number | string | boolean | null | object;

export interface Run {
  run_id: string; number: number; name: string | null; experiment: string;
  status: "Running" | "Completed" | "Failed" | "Canceled" | "Unknown"; why: string; reason: string | null;
  started: string; ended: string | null; duration_s: number;
  tags: Record<string, Value>; params: Record<string, Value>; properties?: Record<string, Value>;
  command: string[] | null; cwd: string | null; host: string | null; user: string | null; python: string | null;
  error: { type: string | null; message: string | null; code: string | null; traceback: string | null } | null;
  attempts?: { attempt: number; status: string; reason: string | null; duration_s: number; host: string | null }[];
  log_counts?: { warnings: number; errors: number }; snapshots?: { id: string; size: number; url: string }[];
  type?: string | null; exit_code?: number | null; signal?: number | null; outputs?: string[] | null; inputs?: Record<string, Value> | null;
  gaps?: { records: number; why: string | null }[];
  notes?: { time: string; level: number | null; message: string }[];
  set_aside?: { writer: string; reason: string }[];
  parent?: string | null; has_parent?: boolean; description?: string | null; deleted?: string | null; metrics?: Record<string, Metric>;
  progress?: HowFar | null; figures?: Figure[]; models?: Model[]; children?: Child[];
  tables?: Record<string, { kind: string; count: number; last: Record<string, Value> | null }>;
}

/** How far a run is by what it prints. */
export interface HowFar { share: number | null; eta_s: number | null; silent_s: number | null; is_stalled: boolean }

export interface Figure { name: string; path: string; type: string; description: string | null; url: string }
export interface Model { name: string; version: number; path: string | null }
export interface Child { run_id: string; number: number; name: string | null; status: string }

export interface Series {
  name: string; source: string; kind: string; count: number; last: Value; last_step: number | null; last_time: string | null; last_epoch: number | null;
  min: number | null; max: number | null; best?: "min" | "max" | null;
}

export interface NewPoints { first: number; steps: (number | null)[]; times: number[]; values: Value[]; epochs?: (number | null)[] }
export interface SeriesNews extends Series { new: NewPoints | null }

/** A line of the log, as the server wove it: a record, or a line of the console. `echo`: it is a record's own print, that of `echo_of`. */
export interface Line {
  id: string; time: string; stream: "stdout" | "stderr" | "log"; level: string | null; logger: string | null; message: string;
  levelno?: number; exception?: { traceback?: string } | null; stack?: string | null; metrics?: Record<string, Value>; step?: number;
  echo?: boolean; echo_of?: number; partial?: boolean; attempt?: number; offset?: number; length?: number;
  writes?: number[];
}
export interface Ending { lines: Line[]; open: Line[]; whole: boolean; since: string }
export interface LineNews { first: string | null; lines: Line[]; open: Line[]; skipped: boolean; gone?: string[]; back?: Line[] }

export interface File { path: string; size: number; version: number; time: string; url: string; sha256: string; observed: boolean }

export interface Start {
  run: Run; series: Series[]; files: File[]; file_count: number; log: Ending; attempt: number | null;
}

declare global {
  var uPlot: typeof import("uplot");
}

export interface Metric { kind: string; last: Value; min: number | null; max: number | null; count: number; last_step: number | null }
export interface RunPage { total: number; offset: number; limit: number; statuses: Record<string, number>; runs: Run[] }
/** What the list's page begins with. `best`: which way a metric is better, by its name. */
export interface ListStart {
  title: string; experiment: string | null; parent: string | null; columns: string[]; page: RunPage; best: Record<string, "min" | "max" | null>;
  wrong: { error: string; at?: number } | null;
}

/** What differs between runs: one value a run, in their order. `best`: the place of the best one, where that can be said. */
export interface Difference { name: string; values: (Value | null)[]; differs: boolean; best: number | null }
export interface Comparison {
  runs: Run[]; sentence: string; sections: { title: string; rows: Difference[] }[]; code: { path: string; what: string; diff: string | null }[];
}

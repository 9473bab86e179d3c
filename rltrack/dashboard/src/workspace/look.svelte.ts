/** What a view makes of a project: which of its runs are listed and drawn, in which groups and colours. */

import { untrack } from "svelte";
import type { Trace } from "../chart/traces";
import { arrange, groupsOf, isCondition, leaves, MOST_DRAWN, selected, type Group } from "../runs/arrange";
import { AskedStore } from "../runs/asked.svelte";
import { defaultColumns } from "../runs/columns";
import { isAggregate, labelOf, shownCell, telling } from "../runs/fields";
import { hasMetric } from "../runs/values";
import type { Metric, Run } from "../server/types";
import type { ProjectStore } from "../state/project.svelte";
import type { Column, Selection, Sort, View } from "../state/url";
import { slotsOfGroups, type Colours } from "../views/colours";
import { tracesOf } from "./traces";

/** Parts of a view that are typed, as they are now. */
interface Typed {
  filter?: string;
  columns?: Column[] | null;
}

export class Look {
  readonly asked: AskedStore;

  constructor(
    private readonly store: ProjectStore,
    private readonly colours: () => Colours,
    private readonly view: () => View,
    private readonly typed: () => Typed = () => ({}),
  ) {
    this.asked = new AskedStore(store.name);
  }

  readonly filter: string = $derived.by(() => this.typed().filter ?? this.view().runFilter);
  readonly metricKeys: string[] = $derived.by(() => this.store.metrics.map((metric) => metric.key));
  readonly tellingFields: string[] = $derived.by(() => telling(this.store.runs));
  // Parts of the view that stay as they are leave what hangs on them alone: ten thousand runs are not put in order for nothing.
  readonly #sort: Sort[] = $derived.by(() => this.view().sort);
  readonly #group: string[] = $derived.by(() => this.view().group);
  readonly #selection: Selection = $derived.by(() => this.view().selection);

  readonly columns: Column[] = $derived.by(() => (this.typed().columns ?? this.view().columns) || defaultColumns(this.metricKeys, this.tellingFields));
  /** What the server must read of the filter; null: some words. */
  readonly condition: string | null = $derived.by(() => isCondition(this.filter) ? this.filter : null);
  readonly #aggregates: string = $derived.by(() => {
    const { sort, group, dash, facet } = this.view();
    const fields = [...this.columns.map(({ field }) => field), ...sort.map(({ by }) => by), ...group, ...dash, ...facet];
    return [...new Set(fields.filter(isAggregate))].join("\n");
  });

  readonly #fitting: Run[] = $derived.by(() =>
    this.condition !== null && this.asked.fitting ? this.store.runs.filter((run) => this.asked.fitting!.has(run.id)) : this.store.runs,
  );
  /** The runs that fit, in order. */
  readonly listed: Run[] = $derived.by(() => arrange(this.#fitting, this.condition === null ? this.filter : "", this.#sort, this.asked.values));
  readonly groups: Group[] = $derived.by(() => groupsOf(this.listed, this.#group, this.asked.values));
  readonly shown: ReadonlySet<string> = $derived.by(() => selected(this.listed, this.#selection));
  readonly drawn: Run[] = $derived.by(() =>
    this.listed
      .filter((run) => this.shown.has(run.id))
      .slice(0, MOST_DRAWN)
      .sort((a, b) => a.slot - b.slot),
  );
  readonly drawnMetrics: Metric[] = $derived.by(() => this.store.metrics.filter(({ key }) => this.drawn.some((run) => hasMetric(run, key))));

  /** Of all runs, so that a filter gives no group another colour. */
  readonly groupSlots: Map<string, number> = $derived.by(() => {
    if (!this.#group.length) return new Map<string, number>();
    const all = leaves(groupsOf([...this.store.runs].sort((a, b) => a.slot - b.slot), this.#group, this.asked.values));
    return slotsOfGroups(all.map((group) => group.key), this.colours());
  });

  readonly traces: Trace[] = $derived.by(() => {
    const { group, dash, facet, tints } = this.view();
    return tracesOf(this.drawn, this.store.runs, { group, dash, facet }, this.asked.values, {
      slotOf: this.slotOf,
      slotOfGroup: (key) => tints[key] ?? this.groupSlots.get(key) ?? 0,
      nameOf: (fields, values) =>
        values.map((value, depth) => this.groupName({ field: fields[depth]!, value, key: "", depth, runs: [], inner: null })).join(" · "),
    });
  });

  slotOf = (run: Run): number => this.view().tints[run.id] ?? run.slot;

  groupSlot = (group: Group): number =>
    this.view().tints[group.key] ?? this.groupSlots.get(group.key) ?? this.groupSlots.get(leaves([group])[0]!.key) ?? 0;

  groupName = ({ field, value }: Group): string => {
    if (field.startsWith("but:")) return this.#shortExperiment(String(value ?? ""));
    return value === null ? `no ${labelOf(field)}` : shownCell(field, value, Date.now() / 1000);
  };

  /** Of an experiment's whole config, what tells it from the others. */
  #shortExperiment(config: string): string {
    const keys = this.tellingFields.map((field) => field.slice("config.".length));
    const parts = config.split(", ").filter((part) => keys.includes(part.slice(0, part.indexOf("="))));
    return parts.map((part) => part.slice(part.indexOf("=") + 1)).join(" · ") || this.store.name;
  }

  /** Ask the server for what only it can read, whenever that changes: an effect. */
  keepAsking(): () => void {
    void this.store.version;
    const [what, fields] = [this.condition, this.#aggregates === "" ? [] : this.#aggregates.split("\n")];
    const timer = setTimeout(() => void this.asked.ask(what, fields), untrack(() => (this.asked.fitting === null ? 0 : 120)));
    return () => clearTimeout(timer);
  }
}

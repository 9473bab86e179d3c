/** The chart that is being dragged. */
export const drag = $state<{ chart: string | null }>({ chart: null });

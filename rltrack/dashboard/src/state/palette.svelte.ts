/** Whether the box that finds everything is open. */
export const palette = $state({ open: false });

/**
 * Which errors a service always prints now and then. docs/decisions has the reasons.
 *
 * Per group one decayed hourly mean (time constant: a day; silent hours count as zero) and the count of the
 * hour under way. A group becomes a habit once it was seen in six different hours over half a day; it stays
 * quiet as long as an hour's count is within three times the mean (and a little, for small numbers), and is
 * reported again once it rises above.
 */

const HOUR = 3_600_000;
const MEMORY_HOURS = 24;
const HOURS_SEEN = 6;
const HALF_DAY = 12 * HOUR;

export interface Habit {
  firstSeen: number;
  /** Start of the hour under way. */
  hour: number;
  count: number;
  /** Decayed mean of the hours before. */
  mean: number;
  /** Hours with at least one. */
  activeHours: number;
}

export function newHabit(now: number): Habit {
  return { firstSeen: now, hour: Math.floor(now / HOUR) * HOUR, count: 0, mean: 0, activeHours: 0 };
}

/** Counts one occurrence; true where it is no more than this group's habit. */
export function countHabit(habit: Habit, now: number): boolean {
  const hour = Math.floor(now / HOUR) * HOUR;
  if (hour > habit.hour) {
    const passed = Math.min((hour - habit.hour) / HOUR, MEMORY_HOURS * 10);
    const decay = Math.exp(-1 / MEMORY_HOURS);
    if (habit.count > 0) habit.activeHours++;
    habit.mean = (habit.mean * decay + habit.count * (1 - decay)) * decay ** (passed - 1);
    habit.hour = hour;
    habit.count = 0;
  }
  habit.count++;
  const known = habit.activeHours >= HOURS_SEEN && now - habit.firstSeen >= HALF_DAY;
  return known && habit.count <= usual(habit);
}

/** The most that an hour may have: three times what the hours seen so far had on average, and three. */
function usual(habit: Habit): number {
  const hoursKnown = Math.max(1, (habit.hour - habit.firstSeen) / HOUR);
  // The decayed mean starts from zero: undo that for a young group.
  const filled = 1 - Math.exp(-hoursKnown / MEMORY_HOURS);
  return 3 * (habit.mean / Math.max(filled, 0.05)) + 3;
}

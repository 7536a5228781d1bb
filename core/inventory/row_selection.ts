import { type DateRange, isInRange, sortRows } from "./select_facts.ts";
import { type FactOrder, isUnread, type TagRow, type UnreadTag } from "./tag_facts.ts";

/** Which rows are wanted, and in which order. */
export interface RowSelectionOptions {
  /** Default: the order in which the tags were given. */
  readonly order?: FactOrder | undefined;
  /** Turns an {@linkcode order} round. Default: false. */
  readonly reverse?: boolean | undefined;
  /** Default: all. */
  readonly limit?: number | undefined;
  /** Default: of any date. */
  readonly range?: DateRange | undefined;
  /** Whether rows are ready in their order alone; else as they come. */
  readonly isInOrder: boolean;
  /** Whether tags that could not be read are among those of a date. */
  readonly showsUnread: boolean;
  /** In milliseconds since the epoch. */
  readonly now: number;
}

/** Sorts out rows that come in any order, and tells which of them are ready to be shown. */
export class RowSelection {
  /** How many have come. */
  read = 0;
  /** Left out, since they have no image for the platform. */
  withoutPlatform = 0;
  /** Left out, since no date tells how old they are. */
  undated = 0;
  /** Those that could not be read, as they came. */
  readonly unread: UnreadTag[] = [];
  readonly #options: RowSelectionOptions;
  /** By the place of their tag; null for what is left out. */
  readonly #rows: (TagRow | null | undefined)[] = [];
  /** The first place of which nothing is known yet. */
  #next = 0;
  /** How many are wanted of those before {@linkcode #next}. */
  #ready = 0;

  constructor(options: RowSelectionOptions) {
    this.#options = options;
  }

  /** Whether those that are ready are all that is wanted. */
  get isEnough(): boolean {
    const { order, limit = Infinity } = this.#options;
    return order === undefined && this.#ready >= limit;
  }

  /**
   * Takes what became of the tag at a place, undefined where it has no image for the platform. Gives
   * the rows that can be shown now.
   */
  add(placeOfTag: number, row: TagRow | undefined): readonly TagRow[] {
    const { limit = Infinity, isInOrder } = this.#options;
    const place = isInOrder ? placeOfTag : this.read;
    this.read++;
    if (row && isUnread(row)) this.unread.push(row);
    this.#rows[place] = row && this.#isWanted(row) ? row : null;
    if (!row) this.withoutPlatform++;
    const ready: TagRow[] = [];
    for (let one; (one = this.#rows[this.#next]) !== undefined; this.#next++) {
      if (one !== null && this.#ready < limit) {
        this.#ready++;
        ready.push(one);
      }
    }
    return ready;
  }

  /** All rows that are wanted, of those that have come. */
  finish(): readonly TagRow[] {
    const { order, limit = Infinity } = this.#options;
    const rows = this.#rows.filter((row) => row !== null && row !== undefined);
    return (order ? sortRows(rows, { ...this.#options, order }) : rows).slice(0, limit);
  }

  #isWanted(row: TagRow): boolean {
    const { range, showsUnread, now } = this.#options;
    if (!range) return true;
    if (isUnread(row)) return showsUnread;
    const isIn = isInRange(row, range, now);
    if (isIn === undefined) this.undated++;
    return isIn === true;
  }
}

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
  /** Whether tags that could not be read are wanted: nobody knows whether they would be. */
  readonly showsUnread: boolean;
  /** In milliseconds since the epoch. */
  readonly now: number;
}

/** What became of a tag. */
interface Place {
  /** Undefined where it has no image for the platform. */
  readonly row: TagRow | undefined;
  readonly fate: "wanted" | "unread" | "without platform" | "undated" | "out of range";
}

/** How many tags were read, and what is left out of them. */
export interface RowSummary {
  readonly read: number;
  /** Those that could not be read. */
  readonly unread: readonly UnreadTag[];
  /** They have no image for the platform. */
  readonly withoutPlatform: number;
  /** No date tells how old they are. */
  readonly undated: number;
}

/** Sorts out rows that come in any order, and tells which of them are ready to be shown. */
export class RowSelection {
  readonly #options: RowSelectionOptions;
  readonly #places: (Place | undefined)[] = [];
  #read = 0;
  /** The first place of which nothing is known yet, or which nobody asks for. */
  #next = 0;
  /** How many are wanted of those before {@linkcode #next}. */
  #ready = 0;

  constructor(options: RowSelectionOptions) {
    this.#options = options;
  }

  /** How many have come. */
  get read(): number {
    return this.#read;
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
    this.#places[this.#options.isInOrder ? placeOfTag : this.#read] = {
      row,
      fate: this.#judge(row),
    };
    this.#read++;
    const ready: TagRow[] = [];
    for (let place; !this.isEnough && (place = this.#places[this.#next]); this.#next++) {
      if (place.fate !== "wanted" || !place.row) continue;
      this.#ready++;
      ready.push(place.row);
    }
    return ready;
  }

  /** All rows that are wanted, of those that have come. */
  finish(): readonly TagRow[] {
    const { order, limit = Infinity } = this.#options;
    const rows = this.#decided()
      .flatMap(({ row, fate }) => row && fate === "wanted" ? [row] : []);
    return (order ? sortRows(rows, { ...this.#options, order }) : rows).slice(0, limit);
  }

  /** What became of those that count: behind the last one that is wanted, none does. */
  summarize(): RowSummary {
    const places = this.#decided();
    const count = (fate: Place["fate"]) => places.filter((place) => place.fate === fate).length;
    return {
      read: places.length,
      unread: places.flatMap(({ row }) => row && isUnread(row) ? [row] : []),
      withoutPlatform: count("without platform"),
      undated: count("undated"),
    };
  }

  #decided(): readonly Place[] {
    const places = this.isEnough ? this.#places.slice(0, this.#next) : this.#places;
    return places.filter((place) => place !== undefined);
  }

  #judge(row: TagRow | undefined): Place["fate"] {
    const { range, showsUnread, now } = this.#options;
    if (!row) return "without platform";
    if (isUnread(row)) return showsUnread ? "wanted" : "unread";
    const isIn = range ? isInRange(row, range, now) : true;
    if (isIn === undefined) return "undated";
    return isIn ? "wanted" : "out of range";
  }
}

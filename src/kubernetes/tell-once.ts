// Tells a trouble when it begins, when it becomes another one, and when it is over; not each time that it is met.

/** Puts a memory before a receiver of troubles: it is called only with what differs from the last. */
export function tellOnce(onTrouble: (trouble: string | undefined) => void): (trouble: string | undefined) => void {
  let told: string | undefined;
  return (trouble) => {
    if (trouble === told) return;
    told = trouble;
    onTrouble(trouble);
  };
}

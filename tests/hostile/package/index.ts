declare function evil_sum(a: number, b: number): number;

export function sum(a: number, b: number): number {
  return evil_sum(a, b);
}

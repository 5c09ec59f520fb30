import { sum } from "@evil/sum";

console.log(sum(40, 2));

import type { ShallowRef } from 'vue';
import type { Steeple, SteepleState } from '../types/index.js';

/** The state of this browser; follows it for as long as the component lives. */
export function useSteeple(steeple: Steeple): Readonly<ShallowRef<SteepleState>>;

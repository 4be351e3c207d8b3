import type { Steeple, SteepleState } from '../types/index.js';

/** The state of this browser; the component renders again whenever it changes. */
export function useSteeple(steeple: Steeple): SteepleState;

// What comes of the examples in an ExchangeClient: told to the policy, which draws the consequences.
import type { Manifest } from '../manifests/read-object.ts';
import type { Client } from './policy.ts';

/**
 * `passed`: it came out as it expects. `denied`: it should be allowed, and is not. `widened`: it should be denied, or give
 * other claims, so the policy is wider than its author says.
 */
export type ExampleOutcome = { result: 'passed' | 'denied' | 'widened'; message: string };

/** Tries out examples on a client as it would be in force. Never throws. */
export type RunExamples = (client: Client, examples: Manifest<'ExchangeClient'>['spec']['examples']) => readonly ExampleOutcome[];

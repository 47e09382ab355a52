// SPDX-License-Identifier: Apache-2.0
/**
 * The supervisor: proves workers and llama-server, plans, runs llama-server as a child and knows
 * what is going on. Entry: {@link dev.knarr.head.supervise.Supervisor}.
 */
@NullMarked
package dev.knarr.head.supervise;

import org.jspecify.annotations.NullMarked;

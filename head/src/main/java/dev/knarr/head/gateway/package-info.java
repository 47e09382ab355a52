// SPDX-License-Identifier: Apache-2.0
/**
 * HTTP in front of llama-server. Entry: {@link dev.knarr.head.gateway.Gateway}. Requests pass
 * through unchanged; what is added is what a split model needs: they wait while llama-server loads
 * or starts again, a stream that is cut ends with an event that says so, and a request that can be
 * is run again. Everything here but the entry lives on one event loop and needs no locks.
 */
@NullMarked
package dev.knarr.head.gateway;

import org.jspecify.annotations.NullMarked;

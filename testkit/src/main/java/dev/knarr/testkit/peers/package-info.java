// SPDX-License-Identifier: Apache-2.0
/**
 * Launchers for real peers, the stock programs of llama.cpp. Entry: {@link
 * dev.knarr.testkit.peers.LlamaCppTree}, which knows where they are.
 */
@NullMarked
package dev.knarr.testkit.peers;

import org.jspecify.annotations.NullMarked;

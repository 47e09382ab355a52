// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import org.jspecify.annotations.Nullable;

/**
 * A llama-server that serves. Immutable.
 *
 * @param port where it listens on loopback
 * @param key what it wants to be shown; null when it asks for none
 */
public record Upstream(int port, @Nullable String key) {

  /** Where it listens. */
  public static final String HOST = "127.0.0.1";

  @Override
  public String toString() {
    return HOST + ":" + port;
  }
}

// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head;

import dev.knarr.head.api.HeadConfig;

/**
 * What {@link HeadMain} runs: the supervisor, seen from the outside. Called by the main thread of
 * the application only.
 */
public interface HeadService extends AutoCloseable {

  /** Begins to serve a configuration; returns at once. What becomes of it is at {@code /status}. */
  void start(HeadConfig config);

  /** Stops llama-server and everything else within the limit of the configuration. */
  @Override
  void close();
}

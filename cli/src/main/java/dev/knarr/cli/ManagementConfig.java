// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import io.quarkus.arc.Unremovable;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.util.Optional;

/**
 * The properties of a worker that are the application's rather than the worker's: Quarkus opens the
 * management port and writes the log. Without this mapping they would count as typing errors.
 */
@Unremovable // Nobody injects it.
@ConfigMapping(prefix = "knarr.worker")
interface ManagementConfig {
  /** Port of metrics and health; 0 takes any free one. */
  @WithDefault("9052")
  int managementPort();

  /** {@code json} or {@code text}; the program looks at it before this configuration exists. */
  Optional<String> logFormat();
}

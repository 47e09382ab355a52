// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import io.quarkus.arc.Unremovable;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/**
 * The one property of a worker that is the application's rather than the worker's: Quarkus opens
 * the management port. Without this mapping the property would count as a typing error.
 */
@Unremovable // Nobody injects it.
@ConfigMapping(prefix = "knarr.worker")
interface ManagementConfig {
  /** Port of metrics and health; 0 takes any free one. */
  @WithDefault("9052")
  int managementPort();
}

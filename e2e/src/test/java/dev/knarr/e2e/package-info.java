// SPDX-License-Identifier: Apache-2.0
/**
 * The whole on a real cluster, with the chart and the images of a user: {@code RealCluster} gives
 * each class the one cluster of a run.
 */
@NullMarked
package dev.knarr.e2e;

import org.jspecify.annotations.NullMarked;

// SPDX-License-Identifier: Apache-2.0

/**
 * Local mode: one cluster as processes of this machine. Workers and head are children that end when
 * this process does, however it ends; their logs stay in one folder for each run. Start at {@link
 * dev.knarr.cli.local.LocalCluster}.
 */
@NullMarked
package dev.knarr.cli.local;

import org.jspecify.annotations.NullMarked;

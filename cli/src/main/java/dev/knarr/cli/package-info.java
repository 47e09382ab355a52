// SPDX-License-Identifier: Apache-2.0

/**
 * The {@code knarr} program: one class per command. {@code up}, {@code plan} and {@code bench} are
 * plain Java; {@code worker} and {@code head} turn their options into configuration and start
 * Quarkus. Start at {@link dev.knarr.cli.KnarrMain}.
 */
@NullMarked
package dev.knarr.cli;

import org.jspecify.annotations.NullMarked;

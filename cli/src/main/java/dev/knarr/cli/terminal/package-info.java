// SPDX-License-Identifier: Apache-2.0

/**
 * What a person sees while a command works: one line that is updated on a terminal, plain lines
 * elsewhere. Start at {@link dev.knarr.cli.terminal.ProgressLine}.
 */
@NullMarked
package dev.knarr.cli.terminal;

import org.jspecify.annotations.NullMarked;

// SPDX-License-Identifier: Apache-2.0
/**
 * How processes end with their parents, through the C library by JNA: a child of the launcher
 * watches a pipe ({@link dev.knarr.os.ParentPipe}), a foreign program is started through {@link
 * dev.knarr.os.TiedExec}, and {@link dev.knarr.os.ProcessTies}, the entry, has the calls both are
 * made of. Linux only.
 */
@NullMarked
package dev.knarr.os;

import org.jspecify.annotations.NullMarked;

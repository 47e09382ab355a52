// SPDX-License-Identifier: Apache-2.0
/**
 * What tests of several modules share. {@link dev.knarr.testkit.CapturedSession} has golden frames:
 * sessions recorded between unmodified llama.cpp programs. Test scope only.
 */
@NullMarked
package dev.knarr.testkit;

import org.jspecify.annotations.NullMarked;

// SPDX-License-Identifier: Apache-2.0
/** Tests of the reader. */
@NullMarked
package dev.knarr.gguf;

import org.jspecify.annotations.NullMarked;

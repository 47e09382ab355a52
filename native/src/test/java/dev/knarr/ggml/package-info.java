// SPDX-License-Identifier: Apache-2.0
/** Real ggml on every device of the llama.cpp tree. */
@NullMarked
package dev.knarr.ggml;

import org.jspecify.annotations.NullMarked;

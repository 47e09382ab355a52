// SPDX-License-Identifier: Apache-2.0
/**
 * ggml, driven from Java through JNA: the library is found, loaded and checked ({@link
 * dev.knarr.ggml.Ggml}, the entry), and its devices, buffers, backends and graphs are owned by
 * {@link java.lang.AutoCloseable} types. Nothing here validates what a peer sent: shapes, types,
 * operations and ranges must have been checked before they arrive, because what ggml does not like
 * ends the process.
 */
@NullMarked
package dev.knarr.ggml;

import org.jspecify.annotations.NullMarked;

// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the header of a GGUF model: metadata and the table of tensors, over all parts of a model
 * that comes in several files. Start at {@link dev.knarr.gguf.GgufFile#open}. Tensor data is never
 * read, large tokenizer tables are stepped over, and nothing in the file is used as a size or an
 * offset before it was checked: a broken or hostile file ends in a {@link
 * dev.knarr.gguf.GgufException}.
 */
@NullMarked
package dev.knarr.gguf;

import org.jspecify.annotations.NullMarked;

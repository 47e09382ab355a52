// SPDX-License-Identifier: Apache-2.0
package dev.knarr.gguf;

/** What is wrong with a GGUF file. */
public enum GgufFault {
  /** The file is missing or cannot be read. */
  UNREADABLE,
  /** The file does not begin with the four bytes {@code GGUF}. */
  NOT_GGUF,
  /** A GGUF version or byte order that is not supported. */
  UNSUPPORTED_VERSION,
  /** The file ends before what it announces. */
  TRUNCATED,
  /** A count, length or offset that no real file has. */
  LIMIT_EXCEEDED,
  /** A field that contradicts the format. */
  MALFORMED,
  /** A tensor type that is unknown or was removed from ggml. */
  UNKNOWN_TENSOR_TYPE,
  /** A file of a model in several parts is missing, or is not the part its name says. */
  PART_MISSING,
  /** A metadata key that the caller needs is absent or has another type. */
  KEY_UNUSABLE
}

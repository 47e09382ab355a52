// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Types of the cache, as llama-server spells them. */
public enum KvCacheType {
  @JsonProperty("f32")
  F32("f32"),
  @JsonProperty("f16")
  F16("f16"),
  @JsonProperty("bf16")
  BF16("bf16"),
  @JsonProperty("q8_0")
  Q8_0("q8_0"),
  @JsonProperty("q4_0")
  Q4_0("q4_0"),
  @JsonProperty("q4_1")
  Q4_1("q4_1"),
  @JsonProperty("iq4_nl")
  IQ4_NL("iq4_nl"),
  @JsonProperty("q5_0")
  Q5_0("q5_0"),
  @JsonProperty("q5_1")
  Q5_1("q5_1");

  private final String value;

  KvCacheType(String value) {
    this.value = value;
  }

  /** The value as it is written in a document. */
  public String value() {
    return value;
  }
}

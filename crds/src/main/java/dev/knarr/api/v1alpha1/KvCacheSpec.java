// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import org.jspecify.annotations.Nullable;

/** Types of the key and value cache. Quantised types save memory and cost a little accuracy. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class KvCacheSpec {
  /** Type of the keys. Default f16. q8_0 takes 53 % of the memory. A change restarts the head. */
  @Default("f16")
  private @Nullable KvCacheType keyType;

  /**
   * Type of the values. Default f16. A quantised type needs flash attention. A change restarts the
   * head.
   */
  @Default("f16")
  private @Nullable KvCacheType valueType;

  public @Nullable KvCacheType getKeyType() {
    return keyType;
  }

  public void setKeyType(@Nullable KvCacheType keyType) {
    this.keyType = keyType;
  }

  public @Nullable KvCacheType getValueType() {
    return valueType;
  }

  public void setValueType(@Nullable KvCacheType valueType) {
    this.valueType = valueType;
  }
}

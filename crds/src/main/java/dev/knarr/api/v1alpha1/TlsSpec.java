// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** Mutual TLS between head and workers. */
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value =
        "!has(self.mode) || self.mode != 'Secret' || has(self.headSecretName) && has(self.workersSecretName)",
    message = Sentences.TLS_SECRETS)
@ValidationRule(
    value =
        "has(self.mode) && self.mode == 'Secret' || !has(self.headSecretName) && !has(self.workersSecretName)",
    message = Sentences.TLS_UNUSED)
public class TlsSpec {
  /**
   * Managed: the operator makes and renews certificates. Secret: they come from the Secrets named
   * here. Disabled: plain. Default Managed. A change restarts the pods.
   */
  @Default("Managed")
  private @Nullable TlsMode mode;

  /** With mode Secret: the head's kubernetes.io/tls Secret, with ca.crt. Default: none. */
  @Size(max = 253)
  private @Nullable String headSecretName;

  /** With mode Secret: the workers' kubernetes.io/tls Secret, with ca.crt. Default: none. */
  @Size(max = 253)
  private @Nullable String workersSecretName;

  public @Nullable TlsMode getMode() {
    return mode;
  }

  public void setMode(@Nullable TlsMode mode) {
    this.mode = mode;
  }

  public @Nullable String getHeadSecretName() {
    return headSecretName;
  }

  public void setHeadSecretName(@Nullable String headSecretName) {
    this.headSecretName = headSecretName;
  }

  public @Nullable String getWorkersSecretName() {
    return workersSecretName;
  }

  public void setWorkersSecretName(@Nullable String workersSecretName) {
    this.workersSecretName = workersSecretName;
  }
}

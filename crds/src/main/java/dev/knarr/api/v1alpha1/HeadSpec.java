// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The process that serves clients: it proves the workers, plans, and runs llama-server. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class HeadSpec extends PlacementSpec {
  /** Devices of the head itself, which take layers too. Default: none. */
  private @Nullable DeviceRequest devices;

  /**
   * Further arguments of llama-server, such as --jinja, one word per item. Default: none. What the
   * plan sets is refused. A change restarts the head.
   */
  @Size(max = 256)
  @EachItem(@ValidationRule(value = HeadRules.NOT_OWNED, message = Sentences.HEAD_ARGUMENT))
  private @Nullable List<@Size(max = 8192) String> args;

  /**
   * API keys, one per line, that clients must send. Default: none, everybody who can connect is
   * served. A change of the Secret's entry needs no restart. Kubernetes only.
   */
  private @Nullable SecretKeyReference apiKeySecretRef;

  /** How clients reach the head. Default: ClusterIP on port 8080. */
  @Default("{}")
  private @Nullable ServiceSpec service;

  /**
   * How long running answers may take to finish before the head ends, 0 to 3600 seconds. Default
   * 60.
   */
  @Default("60")
  @ValidationRule(value = "self >= 0 && self <= 3600", message = Sentences.DRAIN_SECONDS)
  private @Nullable Integer drainSeconds;

  public @Nullable DeviceRequest getDevices() {
    return devices;
  }

  public void setDevices(@Nullable DeviceRequest devices) {
    this.devices = devices;
  }

  public @Nullable List<String> getArgs() {
    return args;
  }

  public void setArgs(@Nullable List<String> args) {
    this.args = args;
  }

  public @Nullable SecretKeyReference getApiKeySecretRef() {
    return apiKeySecretRef;
  }

  public void setApiKeySecretRef(@Nullable SecretKeyReference apiKeySecretRef) {
    this.apiKeySecretRef = apiKeySecretRef;
  }

  public @Nullable ServiceSpec getService() {
    return service;
  }

  public void setService(@Nullable ServiceSpec service) {
    this.service = service;
  }

  public @Nullable Integer getDrainSeconds() {
    return drainSeconds;
  }

  public void setDrainSeconds(@Nullable Integer drainSeconds) {
    this.drainSeconds = drainSeconds;
  }
}

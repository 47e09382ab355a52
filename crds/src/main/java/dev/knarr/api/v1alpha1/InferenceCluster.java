// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import io.fabric8.crd.generator.annotation.AdditionalPrinterColumn;
import io.fabric8.generator.annotation.ValidationRule;
import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Categories;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Kind;
import io.fabric8.kubernetes.model.annotation.Plural;
import io.fabric8.kubernetes.model.annotation.ShortNames;
import io.fabric8.kubernetes.model.annotation.Singular;
import io.fabric8.kubernetes.model.annotation.Version;

/**
 * One model over the devices of many machines. The operator starts the workers, connects a head to
 * them, and serves an OpenAI-compatible endpoint.
 */
@Group(InferenceCluster.GROUP)
@Version(InferenceCluster.VERSION)
@Kind(InferenceCluster.KIND)
@Singular("inferencecluster")
@Plural("inferenceclusters")
@ShortNames("ic")
@Categories("all")
@AdditionalPrinterColumn(name = "Phase", jsonPath = ".status.phase")
@AdditionalPrinterColumn(name = "Reason", jsonPath = ".status.reason")
@AdditionalPrinterColumn(name = "Model", jsonPath = ".spec.model.name")
@AdditionalPrinterColumn(name = "Workers", jsonPath = ".status.workersReady")
@AdditionalPrinterColumn(name = "Tokens/s", jsonPath = ".status.tokensPerSecond.generation")
@AdditionalPrinterColumn(name = "Endpoint", jsonPath = ".status.endpoint")
@AdditionalPrinterColumn(
    name = "Age",
    jsonPath = ".metadata.creationTimestamp",
    type = AdditionalPrinterColumn.Type.DATE)
@AdditionalPrinterColumn(name = "Message", jsonPath = ".status.message", priority = 1)
@AdditionalPrinterColumn(
    name = "Bytes/token",
    jsonPath = ".status.plan.bytesPerToken",
    priority = 1)
@AdditionalPrinterColumn(
    name = "Prompt tokens/s",
    jsonPath = ".status.tokensPerSecond.prompt",
    priority = 1)
@AdditionalPrinterColumn(
    name = "Observed",
    jsonPath = ".status.observedGeneration",
    type = AdditionalPrinterColumn.Type.INTEGER,
    priority = 1)
@ValidationRule(
    value = "self.metadata.name.matches(r'^(" + Patterns.CLUSTER_NAME + Cel.END,
    message = Sentences.NAME,
    fieldPath = ".metadata.name")
@ValidationRule(
    value = "has(self.spec)",
    message = Sentences.REQUIRED,
    fieldPath = ".spec",
    reason = Cel.REQUIRED)
public class InferenceCluster extends CustomResource<InferenceClusterSpec, InferenceClusterStatus>
    implements Namespaced {
  /** The API group. */
  public static final String GROUP = "knarr.dev";

  /** The version of these types. */
  public static final String VERSION = "v1alpha1";

  /** The kind. */
  public static final String KIND = "InferenceCluster";
}

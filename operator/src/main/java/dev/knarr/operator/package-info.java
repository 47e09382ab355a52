/**
 * The operator: keeps what an InferenceCluster asks for running on Kubernetes. Entry: {@link
 * dev.knarr.operator.OperatorConfig}.
 */
@NullMarked
package dev.knarr.operator;

import org.jspecify.annotations.NullMarked;
